package driver;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonValue;
import com.huaweicloud.sdk.cce.v3.model.AddonCheckRequest;
import com.huaweicloud.sdk.cce.v3.model.BatchCreateAddonPrecheckResponse;
import com.huaweicloud.sdk.cce.v3.model.ListAddonPrecheckTasksResponse;

import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The JSON path and type of every field of the SDK's models, from their annotations. It needs no call. */
final class Models {
    private Models() {
    }

    static Map<String, Map<String, String>> described() {
        Map<String, Map<String, String>> models = new LinkedHashMap<>();
        models.put("list_answer", fieldsOf(ListAddonPrecheckTasksResponse.class));
        models.put("create_answer", fieldsOf(BatchCreateAddonPrecheckResponse.class));
        models.put("create_request", fieldsOf(AddonCheckRequest.class));
        return models;
    }

    private static Map<String, String> fieldsOf(Class<?> model) {
        Map<String, String> fields = new LinkedHashMap<>();
        describe(fields, "$", model);
        return fields;
    }

    private static void describe(Map<String, String> fields, String path, Class<?> model) {
        for (Field field : model.getDeclaredFields()) {
            JsonProperty property = field.getAnnotation(JsonProperty.class);
            if (property == null) {
                continue;
            }
            String place = path + "." + property.value();
            Type type = field.getGenericType();
            if (List.class.isAssignableFrom(field.getType())) {
                fields.put(place, "array");
                place += "[*]";
                type = ((ParameterizedType) type).getActualTypeArguments()[0];
            } else {
                fields.put(place, typeOf(field.getType()));
            }
            if (type instanceof Class && typeOf((Class<?>) type).equals("object")) {
                describe(fields, place, (Class<?>) type);
            }
        }
    }

    private static String typeOf(Class<?> type) {
        if (type == String.class || Arrays.stream(type.getMethods()).anyMatch(m -> m.isAnnotationPresent(JsonValue.class))) {
            return "string";
        }
        if (type == Boolean.class) {
            return "boolean";
        }
        if (type == Integer.class || type == Long.class) {
            return "integer";
        }
        return Number.class.isAssignableFrom(type) ? "number" : "object";
    }
}
