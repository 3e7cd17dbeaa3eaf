package driver;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonValue;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What an object of the SDK holds, by the JSON names of its fields. It is made from the fields, not by the SDK's mapper. */
final class Tree {
    private Tree() {
    }

    /** Returns maps, lists, texts, numbers and booleans; a null field of the SDK's objects is left out. */
    static Object of(Object held) {
        if (held == null || held instanceof String || held instanceof Number || held instanceof Boolean) {
            return held;
        }
        if (held instanceof List) {
            List<Object> list = new ArrayList<>();
            ((List<?>) held).forEach(element -> list.add(of(element)));
            return list;
        }
        if (held instanceof Map) {
            Map<String, Object> object = new LinkedHashMap<>();
            ((Map<?, ?>) held).forEach((name, value) -> object.put(String.valueOf(name), of(value)));
            return object;
        }
        try {
            return ofModel(held);
        } catch (ReflectiveOperationException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static Object ofModel(Object held) throws ReflectiveOperationException {
        for (Method method : held.getClass().getMethods()) {
            if (method.isAnnotationPresent(JsonValue.class)) { // an enum
                return of(method.invoke(held));
            }
        }
        Map<String, Object> object = new LinkedHashMap<>();
        for (Class<?> type = held.getClass(); type != Object.class; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                JsonProperty property = field.getAnnotation(JsonProperty.class);
                if (property != null) {
                    field.setAccessible(true);
                    Object value = field.get(held);
                    if (value != null) {
                        object.put(property.value(), of(value));
                    }
                }
            }
        }
        return object;
    }
}
