// Posts each batch as a JSON array that shows all of every record, and does what the answer says.
import {
  type Batch,
  type Context,
  type Infer,
  Outcomes,
  type Record,
  Retryable,
  Sink,
  http,
  register,
  t,
  toBase64,
} from "../../../guest-sdk/js/danube-sink/index.js";

const Said = t.array(
  t.object({
    index: t.integer,
    retry: t.optional(t.string),
    reject: t.optional(t.string),
    after_ms: t.optional(t.integer),
  }),
);

const Config = t.object({ url: t.string, health_url: t.optional(t.string) });
type Config = Infer<typeof Config>;

class EchoHttp extends Sink<Config> {
  static override config = Config;

  private config: Config = { url: "", health_url: undefined };

  override initialize(config: Config, context: Context): void {
    this.config = config;
    console.log(`instance ${context.instance} posts to ${config.url}`);
  }

  override processBatch(batch: Batch): Outcomes | Promise<Outcomes> {
    for (const record of batch) {
      if (isTold(record, "crash")) throw new Error("told to crash");
      if (isTold(record, "promise")) return Promise.reject(new Error("told to promise"));
    }
    const body = `[${batch.records.map((record) => shown(record, batch)).join(",")}]`;
    const request = http.post(this.config.url, { headers: { "content-type": "application/json" }, body });
    return outcomes(request.send().checkStatus());
  }

  override healthCheck(): void {
    if (this.config.health_url === undefined) return;
    const response = http.get(this.config.health_url).send();
    if (!response.ok) throw new Retryable(`health_url: status ${response.status}`);
  }

  override shutdown(): void {
    http.post(this.config.url, { json: { shutdown: true } }).send();
  }
}

function isTold(record: Record, what: string): boolean {
  return record.kind === "json" && record.toText().includes(`"${what}"`) && record.payload?.[what] === true;
}

function shown(record: Record, batch: Batch): string {
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
function payload(record: Record): string {
  switch (record.kind) {
    case "json":
      return record.toText();
    case "text":
      return JSON.stringify(record.toText());
    case "binary":
      return JSON.stringify(toBase64(record.bytes));
  }
}

function outcomes(response: http.Response): Outcomes {
  const found = new Outcomes();
  if (!response.text.trimStart().startsWith("[")) return found;
  for (const { index, retry, reject, after_ms } of response.json(Said)) {
    if (retry !== undefined) found.retry([index], retry, after_ms);
    else if (reject !== undefined) found.reject([index], reject);
  }
  return found;
}

export const { sink, lifecycle } = register(EchoHttp);
