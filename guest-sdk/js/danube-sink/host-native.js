// What stands in for the host in unit tests, which Node.js runs: `testing.js` puts scripted answers here.

/** @returns {never} */
function nobody() {
  throw { tag: "denied", val: "no answers: the test does not use `testing.answerHttp`" };
}

/** @type {(typeof import("./host.js"))["host"]} */
export const host = {
  log: (level, message) => console.error(`${level}: ${message}`),
  send: nobody,
  sendAll: nobody,
  waits: false,
  component: false,
};
