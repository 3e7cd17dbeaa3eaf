package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonProperty;

import java.util.List;

public class PreCheckItemStatus {
    @JsonProperty("name")
    private String name;

    @JsonProperty("kind")
    private String kind;

    @JsonProperty("group")
    private String group;

    @JsonProperty("level")
    private String level;

    @JsonProperty("phase")
    private String phase;

    @JsonProperty("message")
    private String message;

    @JsonProperty("errorCodes")
    private List<String> errorCodes;

    @Override
    public String toString() {
        return ModelText.of(this);
    }
}
