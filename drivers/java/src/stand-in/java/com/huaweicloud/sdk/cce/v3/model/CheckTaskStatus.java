package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;

import java.util.List;

public class CheckTaskStatus {
    @JsonProperty("status")
    private StatusEnum status;

    @JsonProperty("message")
    private String message;

    @JsonProperty("riskList")
    private List<CheckTaskRisk> riskList;

    @Override
    public String toString() {
        return ModelText.of(this);
    }

    public static final class StatusEnum extends EnumText {
        private StatusEnum(String value) {
            super(value);
        }

        @JsonCreator
        public static StatusEnum fromValue(String value) {
            return value == null ? null : new StatusEnum(value);
        }
    }
}
