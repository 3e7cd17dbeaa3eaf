package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;

public class CheckTaskRisk {
    @JsonProperty("riskName")
    private String riskName;

    @JsonProperty("level")
    private LevelEnum level;

    @JsonProperty("status")
    private StatusEnum status;

    @JsonProperty("message")
    private String message;

    @Override
    public String toString() {
        return ModelText.of(this);
    }

    public static final class LevelEnum extends EnumText {
        private LevelEnum(String value) {
            super(value);
        }

        @JsonCreator
        public static LevelEnum fromValue(String value) {
            return value == null ? null : new LevelEnum(value);
        }
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
