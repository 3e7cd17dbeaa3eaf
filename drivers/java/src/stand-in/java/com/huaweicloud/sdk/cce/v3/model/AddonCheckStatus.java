package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonProperty;

import java.util.List;

public class AddonCheckStatus {
    @JsonProperty("phase")
    private String phase;

    @JsonProperty("itemsStatus")
    private List<PreCheckItemStatus> itemsStatus;

    @Override
    public String toString() {
        return ModelText.of(this);
    }
}
