// A driver in Node.js. It calls `fetch` instead of an SDK. Run it with
// `cce-precheck sdk run --driver "node driver.mjs"`.
import readline from "node:readline";

// an SDK may log to standard output; its lines must not mix with the messages
const say = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

async function call({ operation, endpoint, project_id, cluster_id, filters, addons, timeout }) {
  const path = `/api/v3/projects/${project_id}/clusters/${cluster_id}/addons/precheck`;
  const headers = { "Content-Type": "application/json", "X-Auth-Token": process.env.CCE_AUTH_TOKEN };
  const signal = AbortSignal.timeout(timeout * 1000);
  const body = { kind: "AddonCheck", apiVersion: "v3", spec: { clusterID: cluster_id, addonList: addons } };
  const answer =
    operation === "list"
      ? await fetch(`${endpoint}${path}/tasks?${new URLSearchParams(filters)}`, { headers, signal })
      : await fetch(endpoint + path, { method: "POST", headers, signal, body: JSON.stringify(body) });
  const held = await answer.json();
  if (answer.ok) return { outcome: "value", status: answer.status, value: held };
  const [code, message] = [held.errorCode ?? held.error_code, held.errorMessage ?? held.error_msg];
  const error = { class: "ServiceError", expected: true, status: answer.status };
  Object.entries({ code, message, request_id: answer.headers.get("X-Request-Id") })
    .filter(([, field]) => field != null)
    .forEach(([name, field]) => (error[name] = String(field)));
  return { outcome: "error", error };
}

const introduction = {
  language: `Node ${process.versions.node}`,
  sdk: { name: "fetch", version: process.versions.undici },
  operations: ["list", "create"],
  authentication: ["token"],
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  const answered =
    message.do === "hello"
      ? introduction
      : await call(message).catch(({ name, message }) => ({
          outcome: "error",
          error: { class: name, expected: false, message },
        }));
  say(JSON.stringify({ protocol: 1, id: message.id, ...answered }) + "\n");
}
