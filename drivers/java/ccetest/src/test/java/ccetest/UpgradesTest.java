package ccetest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(CceTest.class)
class UpgradesTest {
    @Test
    void upgradesAreListed(CceTest.Service cce) throws Exception {
        String path = "/api/v3/projects/" + cce.projectId() + "/clusters/" + cce.clusterId() + "/addons/precheck/tasks";
        HttpRequest request = HttpRequest.newBuilder(URI.create(cce.url() + path + "?type=addonUpgrade"))
                .header("X-Auth-Token", cce.token())
                .build();

        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());

        assertEquals(200, answer.statusCode());
        assertTrue(answer.body().contains("\"type\":\"addonUpgrade\""), answer.body());
    }
}
