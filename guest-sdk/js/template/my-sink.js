// Puts every order under its own URL.
import { Fatal, Sink, http, register, t } from "./danube-sink/index.js";

// What a record must carry. Other keys are passed on as they came.
const Order = t.object({ id: t.bigint });

class MySink extends Sink {
  // The connector's own table of its file.
  static config = t.object({
    url: t.string,
    timeout_ms: t.withDefault(t.integer, 10_000),
  });

  initialize(config, context) {
    if (!/^https?:/.test(config.url)) throw new Fatal("settings: `url`: expected an http:// or https:// URL");
    this.config = config;
  }

  process(record) {
    const { id } = record.asType(Order);
    const request = http.put(`${this.config.url}/${id}`, {
      headers: { "content-type": "application/json" },
      body: record.text,
      timeoutMs: this.config.timeout_ms,
    });
    request.send().checkStatus();
  }

  healthCheck() {
    http.get(this.config.url, { timeoutMs: this.config.timeout_ms }).send();
  }
}

export const { sink, lifecycle } = register(MySink);
