package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonProperty;

public class PageInfo {
    @JsonProperty("currentCount")
    private Integer currentCount;

    @Override
    public String toString() {
        return ModelText.of(this);
    }
}
