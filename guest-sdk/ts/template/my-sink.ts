// Puts every order under its own URL.
import { type Context, Fatal, type Infer, type Record, Sink, http, register, t } from "./danube-sink/index.js";

// The connector's own table of its file.
const Config = t.object({
  url: t.string,
  timeout_ms: t.withDefault(t.integer, 10_000),
});
type Config = Infer<typeof Config>;

// What a record must carry. Other keys are passed on as they came.
const Order = t.object({ id: t.bigint });

class MySink extends Sink<Config> {
  static override config = Config;

  private url = "";
  private timeoutMs = 0;

  override initialize(config: Config, _context: Context): void {
    if (!/^https?:/.test(config.url)) throw new Fatal("settings: `url`: expected an http:// or https:// URL");
    this.url = config.url;
    this.timeoutMs = config.timeout_ms;
  }

  override process(record: Record): void {
    const { id } = record.asType(Order);
    const request = http.put(`${this.url}/${id}`, {
      headers: { "content-type": "application/json" },
      body: record.text,
      timeoutMs: this.timeoutMs,
    });
    request.send().checkStatus();
  }

  override healthCheck(): void {
    http.get(this.url, { timeoutMs: this.timeoutMs }).send();
  }
}

export const { sink, lifecycle } = register(MySink);
