package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonProperty;

import java.lang.reflect.Field;

/** The text of the SDK's models: the class, and each field on a line of its own, as the vendor's classes write it. */
final class ModelText {
    private ModelText() {
    }

    static String of(Object model) {
        StringBuilder text = new StringBuilder("class " + model.getClass().getSimpleName() + " {\n");
        for (Field field : model.getClass().getDeclaredFields()) {
            if (field.isAnnotationPresent(JsonProperty.class)) {
                text.append("    ").append(field.getName()).append(": ").append(valueOf(field, model)).append("\n");
            }
        }
        return text.append("}").toString();
    }

    private static String valueOf(Field field, Object model) {
        try {
            field.setAccessible(true);
            return String.valueOf(field.get(model)).replace("\n", "\n    ");
        } catch (IllegalAccessException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
