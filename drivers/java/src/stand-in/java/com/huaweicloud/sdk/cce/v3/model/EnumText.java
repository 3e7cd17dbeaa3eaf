package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonValue;

/** The text of one of the SDK's enums, documented or not. */
public abstract class EnumText {
    private final String value;

    EnumText(String value) {
        this.value = value;
    }

    @JsonValue
    public String getValue() {
        return value;
    }

    @Override
    public String toString() {
        return value;
    }
}
