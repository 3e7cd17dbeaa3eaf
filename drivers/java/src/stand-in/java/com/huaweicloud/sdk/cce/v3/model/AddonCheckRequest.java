package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;

@JsonInclude(JsonInclude.Include.NON_NULL)
public class AddonCheckRequest {
    @JsonProperty("kind")
    private String kind;

    @JsonProperty("apiVersion")
    private String apiVersion;

    @JsonProperty("spec")
    private AddonCheckSpec spec;

    @Override
    public String toString() {
        return ModelText.of(this);
    }

    public AddonCheckRequest withKind(String kind) {
        this.kind = kind;
        return this;
    }

    public AddonCheckRequest withApiVersion(String apiVersion) {
        this.apiVersion = apiVersion;
        return this;
    }

    public AddonCheckRequest withSpec(AddonCheckSpec spec) {
        this.spec = spec;
        return this;
    }
}
