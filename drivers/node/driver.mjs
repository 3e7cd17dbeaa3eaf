// Makes the calls that it reads from standard input, one JSON message a line, through the vendor's Node.js SDK, and writes
// what the SDK's objects hold to standard output, one JSON message a line.
import { createRequire } from "node:module";
import readline from "node:readline";
import core from "@huaweicloud/huaweicloud-sdk-core";
// its base class of exceptions is not among its public names
import exceptions from "@huaweicloud/huaweicloud-sdk-core/exception/SdkException.js";
import { CceClient } from "./stand-in.mjs";

const PROTOCOL = 1;
const SDK = "@huaweicloud/huaweicloud-sdk-core";
const FILTERS = { type: "type", task_id: "taskId", addon_instance_id: "addonInstanceId" };
// mistakes in the code that throws them
const LANGUAGE_ERRORS = [TypeError, ReferenceError, RangeError];

// the SDK logs to standard output; its lines must not mix with the messages
const answer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

class ProtocolError extends Error {}

const clients = new Map();

function clientOf({ endpoint, project_id, authentication, timeout }) {
  const key = JSON.stringify([endpoint, project_id, authentication, timeout]);
  if (clients.has(key)) return clients.get(key);
  let credentials = new core.BasicCredentials()
    .withAk(process.env.HUAWEICLOUD_SDK_AK)
    .withSk(process.env.HUAWEICLOUD_SDK_SK)
    .withProjectId(project_id);
  if (authentication === "temporary") {
    credentials = credentials.withSecurityToken(process.env.HUAWEICLOUD_SDK_SECURITY_TOKEN);
  } else if (authentication !== "ak/sk") {
    throw new ProtocolError(`authentication ${authentication}; this SDK has ak/sk and temporary`);
  }
  const client = CceClient.newBuilder()
    .withCredential(credentials)
    .withEndpoint(endpoint)
    .withOptions({ axiosRequestConfig: { timeout: timeout * 1000 } })
    .build();
  clients.set(key, client);
  return client;
}

async function call(message) {
  const client = clientOf(message);
  const request = { clusterId: message.cluster_id };
  let held;
  if (message.operation === "list") {
    for (const [name, value] of Object.entries(message.filters ?? {})) request[FILTERS[name]] = value;
    held = await client.listAddonPrecheckTasks(request);
  } else if (message.operation === "create") {
    const spec = { clusterID: message.cluster_id, addonList: message.addons };
    request.body = { kind: "AddonCheck", apiVersion: "v3", spec };
    held = await client.batchCreateAddonPrecheck(request);
  } else {
    throw new ProtocolError(`operation ${message.operation}; this driver has list and create`);
  }
  const { httpStatusCode: status, ...fields } = held;
  const value = Array.isArray(held) ? [...held] : fields;
  return { outcome: "value", value, ...(Number.isInteger(status) ? { status } : {}) };
}

function described(thrown) {
  const error = {
    class: thrown?.constructor?.name ?? typeof thrown,
    expected: thrown instanceof exceptions.SdkException,
    message: String(thrown?.errorMsg ?? thrown?.message ?? thrown),
  };
  if (LANGUAGE_ERRORS.some((type) => thrown instanceof type)) error.panic = true;
  if (Number.isInteger(thrown?.httpStatusCode)) error.status = thrown.httpStatusCode;
  if (thrown?.errorCode != null) error.code = String(thrown.errorCode);
  if (thrown?.requestId != null) error.request_id = String(thrown.requestId);
  return { outcome: "error", error };
}

function introduction() {
  const version = createRequire(import.meta.url)(`${SDK}/package.json`).version;
  return {
    language: `Node ${process.versions.node}`,
    sdk: { name: SDK, version },
    operations: ["list", "create"],
    authentication: ["ak/sk", "temporary"],
  };
}

async function respond(line) {
  let message = {};
  try {
    message = JSON.parse(line);
    if (message.protocol !== PROTOCOL) throw new ProtocolError(`protocol ${message.protocol}; this driver speaks 1`);
    if (message.do === "hello") return { id: message.id, ...introduction() };
    if (message.do !== "call") throw new ProtocolError(`do ${message.do}; this driver knows hello and call`);
    return { id: message.id, ...(await call(message)) };
  } catch (thrown) {
    return { id: message.id ?? null, ...described(thrown) };
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  answer(JSON.stringify({ protocol: PROTOCOL, ...(await respond(line)) }) + "\n");
}
