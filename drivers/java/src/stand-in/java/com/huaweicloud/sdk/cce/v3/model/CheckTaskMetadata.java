package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;

public class CheckTaskMetadata {
    @JsonProperty("type")
    private TypeEnum type;

    @JsonProperty("taskID")
    private String taskID;

    @JsonProperty("addonTemplateName")
    private String addonTemplateName;

    @JsonProperty("addonInstanceName")
    private String addonInstanceName;

    @JsonProperty("addonInstanceID")
    private String addonInstanceID;

    @JsonProperty("createTimeStamp")
    private String createTimeStamp;

    @JsonProperty("expireTimeStamp")
    private String expireTimeStamp;

    @Override
    public String toString() {
        return ModelText.of(this);
    }

    public static final class TypeEnum extends EnumText {
        private TypeEnum(String value) {
            super(value);
        }

        @JsonCreator
        public static TypeEnum fromValue(String value) {
            return value == null ? null : new TypeEnum(value);
        }
    }
}
