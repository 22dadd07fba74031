// Writes orders to an HTTP API, those of a batch in one request.
import { type Batch, type Context, type Infer, Outcomes, Rejected, Sink, http, log, register, t } from "./danube-sink/index.js";

// The table `[my-sink]` of the connector's file.
const Config = t.object({
  url: t.string,
  timeout_ms: t.withDefault(t.integer, 10_000),
});
type Config = Infer<typeof Config>;

// What a record must be. What does not fit is rejected.
const Order = t.object({
  order: t.integer,
  customer: t.string,
  item: t.string,
  quantity: t.integer,
  price: t.number,
});
type Order = Infer<typeof Order>;

class MySink extends Sink<Config> {
  static override config = Config;

  private url = "";
  private timeoutMs = 0;

  override initialize(config: Config, context: Context): void {
    this.url = config.url;
    this.timeoutMs = config.timeout_ms;
    log.info(`${context.connectorName} writes to ${config.url}`);
  }

  override processBatch(batch: Batch): Outcomes {
    const outcomes = new Outcomes();
    const orders: Order[] = [];
    for (const [index, record] of batch.records.entries()) {
      try {
        orders.push(record.asType(Order));
      } catch (error) {
        if (!(error instanceof Rejected)) throw error;
        outcomes.set(index, error);
      }
    }
    if (orders.length > 0) {
      // A refused connection or 503: all of the batch is tried again. 400: all of it is rejected.
      http.post(this.url, { json: orders, timeoutMs: this.timeoutMs }).send().checkStatus();
    }
    return outcomes;
  }
}

export const { sink, lifecycle } = register(MySink);
