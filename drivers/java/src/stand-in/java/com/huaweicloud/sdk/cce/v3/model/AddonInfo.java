package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;

import java.util.Map;

@JsonInclude(JsonInclude.Include.NON_NULL)
public class AddonInfo {
    @JsonProperty("addonTemplateName")
    private String addonTemplateName;

    @JsonProperty("addonInstanceID")
    private String addonInstanceID;

    @JsonProperty("targetVersion")
    private String targetVersion;

    @JsonProperty("type")
    private TypeEnum type;

    @JsonProperty("values")
    private Map<String, Object> values;

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
