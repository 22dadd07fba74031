import { send, sendAll } from "danube:sink/http@0.1.0";
import { log } from "danube:sink/log@0.1.0";
export declare const host: {
    log: typeof log;
    send: typeof send;
    sendAll: typeof sendAll;
    /** Whether the engine can wait for promises: StarlingMonkey, which brings `fetch` along, can, QuickJS can't. */
    waits: boolean;
    component: boolean;
};
