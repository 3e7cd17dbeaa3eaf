// The two calls of CCE on the vendor's core, under the vendor's names, as its package for CCE generates calls. That package
// is on npm up to a version without these calls: see drivers/README.md.
import builder from "@huaweicloud/huaweicloud-sdk-core/ClientBuilder.js";

const PRECHECK = "/api/v3/projects/{project_id}/clusters/{cluster_id}/addons/precheck";

function options(method, url, request) {
  if (request.clusterId === null || request.clusterId === undefined) {
    throw new Error("Required parameter clusterId was null or undefined");
  }
  return {
    method,
    url,
    contentType: "application/json",
    queryParams: {},
    pathParams: { cluster_id: request.clusterId },
    headers: {},
    responseHeaders: [""],
  };
}

export class CceClient {
  constructor(client) {
    this.hcClient = client;
  }

  static newBuilder() {
    return new builder.ClientBuilder((client) => new CceClient(client));
  }

  listAddonPrecheckTasks(request) {
    const sent = options("GET", `${PRECHECK}/tasks`, request);
    const filters = { type: request.type, task_id: request.taskId, addon_instance_id: request.addonInstanceId };
    for (const [name, value] of Object.entries(filters)) {
      if (value !== null && value !== undefined) sent.queryParams[name] = value;
    }
    return this.hcClient.sendRequest(sent);
  }

  batchCreateAddonPrecheck(request) {
    const sent = options("POST", PRECHECK, request);
    sent.data = request.body !== undefined ? request.body : {};
    return this.hcClient.sendRequest(sent);
  }
}
