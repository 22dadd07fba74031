// What the host tells an instance about itself.
import { Fatal } from "./errors.js";
import * as json from "./json.js";
import { Mistake, t } from "./shape.js";
import { anyMappings } from "./topics.js";

const MAPPINGS = "topic_mappings";

/** What the host tells an instance about itself. */
export class Context {
  /** @param {{ connectorName: string, instance: number, settings: string }} raw */
  constructor(raw) {
    /** `connector_name` of the connector's file. */
    this.connectorName = raw.connectorName;
    /** Which of the connector's instances this is, from 0. Stays the same when an instance is made anew. */
    this.instance = raw.instance;
    /** The settings as JSON text. Secrets that the file refers to stand in it in clear text: do not log it. */
    this.settingsJson = raw.settings;
  }

  /**
   * The settings by a shape.
   * @template T
   * @param {import("./shape.js").Shape<T>} shape
   * @returns {T}
   * @throws {Fatal} with the key when they don't fit.
   */
  settings(shape) {
    try {
      return shape.read(json.parse(this.settingsJson), "", { strict: true, tolerated: [MAPPINGS] });
    } catch (error) {
      throw error instanceof Mistake ? new Fatal(`settings: ${error.message}`) : error;
    }
  }

  /**
   * What the host shall consume according to the settings' `topic_mappings`.
   * @returns {import("./topics.js").ConsumerConfig[]}
   * @throws {Fatal} when a mapping is incomplete, or when there is none.
   */
  consumerConfigs() {
    const { [MAPPINGS]: written } = this.settings(t.table);
    const mappings = written === undefined ? [] : this.settings({ read: () => anyMappings.read(written, MAPPINGS, { strict: true }) });
    const configs = [...mappings].map((mapping) => mapping.consumer);
    if (configs.length > 0) return configs;
    const hint = "add an entry to `topic_mappings` with `topic` and `subscription`";
    throw new Fatal(`settings: no topic to consume\nhelp: ${hint}`);
  }
}
