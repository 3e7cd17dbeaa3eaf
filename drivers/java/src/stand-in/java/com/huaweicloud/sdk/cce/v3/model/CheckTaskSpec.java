package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonProperty;

public class CheckTaskSpec {
    @JsonProperty("addonTargetVersion")
    private String addonTargetVersion;

    @Override
    public String toString() {
        return ModelText.of(this);
    }
}
