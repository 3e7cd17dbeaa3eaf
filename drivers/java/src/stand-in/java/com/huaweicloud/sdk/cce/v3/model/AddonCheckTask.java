package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonProperty;

public class AddonCheckTask {
    @JsonProperty("metadata")
    private CheckTaskMetadata metadata;

    @JsonProperty("spec")
    private CheckTaskSpec spec;

    @JsonProperty("status")
    private CheckTaskStatus status;

    @Override
    public String toString() {
        return ModelText.of(this);
    }
}
