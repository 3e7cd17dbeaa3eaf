package com.huaweicloud.sdk.cce.v3;

import com.fasterxml.jackson.core.type.TypeReference;
import com.huaweicloud.sdk.core.exception.ExceptionHandler;
import com.huaweicloud.sdk.core.exception.SdkErrorMessage;
import com.huaweicloud.sdk.core.exception.SdkException;
import com.huaweicloud.sdk.core.exception.ServiceResponseException;
import com.huaweicloud.sdk.core.http.HttpRequest;
import com.huaweicloud.sdk.core.http.HttpResponse;
import com.huaweicloud.sdk.core.utils.JsonUtils;

import java.util.Map;

/** Reads errors as the vendor's handler for CCE does, with its mistakes. */
public class CceExceptionHandler implements ExceptionHandler {
    @Override
    public void handleException(HttpRequest request, HttpResponse response) {
        int status = response.getStatusCode();
        if (status < 400) {
            return;
        }
        SdkErrorMessage error = new SdkErrorMessage(status);
        error.setRequestId(response.getHeader("X-Request-Id"));
        try {
            Map<String, ?> body = JsonUtils.toObject(response.getBodyAsString(), new TypeReference<Map<String, ?>>() { });
            if (body == null) {
                error.withErrorCode(String.valueOf(status)).withErrorMsg(request.getBodyAsString()); // not the answer's
            } else {
                read(body, error);
            }
        } catch (SdkException unreadable) {
            error.withErrorCode(String.valueOf(status)).withErrorMsg(response.getBodyAsString());
        }
        throw new ServiceResponseException(status, error);
    }

    private static void read(Map<String, ?> body, SdkErrorMessage error) {
        error.setErrorCode(firstFilled(body, "error_code", "errorCode"));
        error.setErrorMsg(firstFilled(body, "error_msg", "errorMessage"));
        Object more = body.get("message");
        if (more != null && !more.toString().isEmpty()) {
            // Without a message before it this is a NullPointerException.
            error.setErrorMsg(error.getErrorMsg().isEmpty() ? more.toString() : error.getErrorMsg() + ", " + more);
        }
        Object authorization = body.get("encoded_authorization_message");
        if (authorization != null && !authorization.toString().isEmpty()) {
            error.setEncodedAuthorizationMessage(authorization.toString());
        }
    }

    private static String firstFilled(Map<String, ?> body, String name, String otherName) {
        Object value = body.get(name);
        if (value == null || value.toString().isEmpty()) {
            value = body.get(otherName);
        }
        return value == null ? null : value.toString();
    }
}
