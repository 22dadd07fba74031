// Writes orders to an HTTP API, those of a batch in one request.
import { Outcomes, Rejected, Sink, http, log, register, t } from "./danube-sink/index.js";

// What a record must be. What does not fit is rejected.
const Order = t.object({
  order: t.integer,
  customer: t.string,
  item: t.string,
  quantity: t.integer,
  price: t.number,
});

class MySink extends Sink {
  // The table `[my-sink]` of the connector's file.
  static config = t.object({
    url: t.string,
    timeout_ms: t.withDefault(t.integer, 10_000),
  });

  initialize(config, context) {
    this.config = config;
    log.info(`${context.connectorName} writes to ${config.url}`);
  }

  processBatch(batch) {
    const outcomes = new Outcomes();
    const orders = [];
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
      const { url, timeout_ms: timeoutMs } = this.config;
      http.post(url, { json: orders, timeoutMs }).send().checkStatus();
    }
    return outcomes;
  }
}

export const { sink, lifecycle } = register(MySink);
