// What the host offers, in a component.
import { send, sendAll } from "danube:sink/http@0.1.0";
import { log } from "danube:sink/log@0.1.0";

export const host = {
  log,
  send,
  sendAll,
  /** Whether the engine can wait for promises: StarlingMonkey, which brings `fetch` along, can, QuickJS can't. */
  waits: "fetch" in globalThis,
  component: true,
};
