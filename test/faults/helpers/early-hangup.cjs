/** Loaded before bin/ttsctl: a SIGHUP comes at the moment in which that loads the bundle. */
const vm = require("node:vm");

const { Script } = vm;
vm.Script = class extends Script {
  constructor(...args) {
    process.kill(process.pid, "SIGHUP");
    super(...args);
  }
};
