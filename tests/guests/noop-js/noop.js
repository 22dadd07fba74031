// Takes every record and does nothing with it: what is left is the cost of the call, the bindings and the SDK.
import { Sink, register } from "../../../guest-sdk/js/danube-sink/index.js";

class Noop extends Sink {
  processBatch(batch) {}
}

export const { sink, lifecycle } = register(Noop);
