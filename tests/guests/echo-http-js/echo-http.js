// Posts each batch as a JSON array that shows all of every record, and does what the answer says.
import { Outcomes, Retryable, Sink, http, register, t, toBase64 } from "../../../guest-sdk/js/danube-sink/index.js";

const Said = t.array(
  t.object({
    index: t.integer,
    retry: t.optional(t.string),
    reject: t.optional(t.string),
    after_ms: t.optional(t.integer),
  }),
);

class EchoHttp extends Sink {
  static config = t.object({ url: t.string, health_url: t.optional(t.string) });

  initialize(config, context) {
    this.config = config;
    console.log(`instance ${context.instance} posts to ${config.url}`);
  }

  processBatch(batch) {
    for (const record of batch) {
      if (isTold(record, "crash")) throw new Error("told to crash");
      if (isTold(record, "promise")) return Promise.reject(new Error("told to promise"));
    }
    if (batch.records.some((record) => isTold(record, "fetch"))) return this.fetchInstead(batch);
    const body = `[${batch.records.map((record) => shown(record, batch)).join(",")}]`;
    const request = http.post(this.config.url, { headers: { "content-type": "application/json" }, body });
    return outcomes(request.send().checkStatus());
  }

  // For engines that have it.
  async fetchInstead(batch) {
    const body = `[${batch.records.map((record) => shown(record, batch)).join(",")}]`;
    const response = await fetch(this.config.url, { method: "POST", headers: { "content-type": "application/json" }, body });
    if (!response.ok) throw new Retryable(`fetch: status ${response.status}: ${await response.text()}`);
    const text = await response.text();
    return outcomes({ text, json: (shape) => shape.read(JSON.parse(text), "", { strict: false }) });
  }

  healthCheck() {
    if (this.config.health_url === undefined) return;
    const response = http.get(this.config.health_url).send();
    if (!response.ok) throw new Retryable(`health_url: status ${response.status}`);
  }

  shutdown() {
    http.post(this.config.url, { json: { shutdown: true } }).send();
  }
}

function isTold(record, what) {
  return record.kind === "json" && record.text.includes(`"${what}"`) && record.payload?.[what] === true;
}

function shown(record, batch) {
  const envelope = JSON.stringify({
    topic: record.topic,
    offset: record.offset,
    publish_time: record.publishTime,
    producer: record.producer,
    partition: record.partition ?? null,
    key: record.routingKey ?? null,
    attributes: record.attributes,
    schema: record.schema ?? null,
    kind: record.kind,
    attempt: batch.attempt,
    order: batch.order,
  });
  return `${envelope.slice(0, -1)},"payload":${payload(record)}}`;
}

// A JSON document goes on as it came, with every digit.
function payload(record) {
  switch (record.kind) {
    case "json":
      return record.text;
    case "text":
      return JSON.stringify(record.text);
    case "binary":
      return JSON.stringify(toBase64(record.bytes));
  }
}

function outcomes(response) {
  const found = new Outcomes();
  if (!response.text.trimStart().startsWith("[")) return found;
  for (const { index, retry, reject, after_ms } of response.json(Said)) {
    if (retry !== undefined) found.retry([index], retry, after_ms);
    else if (reject !== undefined) found.reject([index], reject);
  }
  return found;
}

export const { sink, lifecycle } = register(EchoHttp);
