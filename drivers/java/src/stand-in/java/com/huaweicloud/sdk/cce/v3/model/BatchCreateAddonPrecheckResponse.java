package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.huaweicloud.sdk.core.SdkResponse;

public class BatchCreateAddonPrecheckResponse extends SdkResponse {
    @JsonProperty("kind")
    private String kind;

    @JsonProperty("apiVersion")
    private String apiVersion;

    @JsonProperty("spec")
    private AddonCheckSpec spec;

    @JsonProperty("status")
    private AddonCheckStatus status;

    @Override
    public String toString() {
        return ModelText.of(this);
    }
}
