// What a person can have the daemon do. Each asks first and says what will happen.

import { announce } from "./announce.js";
import { del, post, runPath, taskPath } from "./api.js";
import { ask } from "./dialog.js";
import { duration } from "./format.js";
import { runUrl } from "./router.js";

/** @returns {Promise<object | undefined>} the new run */
export const runTask = async (task) => {
  const name = task.name;
  const isService = task.kind === "service";
  const run = await ask({
    title: isService ? `Start ${name}?` : `Run ${name} now?`,
    text: isService ? "All its instances are started." : overlap(task),
    action: isService ? "Start Service" : "Run Task",
    run: () => post(`${taskPath(name)}/trigger`),
  });
  if (run) announce(`${name}: ${run.status}.`, { href: runUrl(run), label: "Show the run" });
  return run;
};

const OVERLAP = {
  queue: "It is running: this run waits until there is room.",
  skip: "It is running: this run will be refused.",
  terminate: "It is running: the oldest run is stopped first.",
};

const overlap = (task) => {
  const isFull = task.running >= (task.parallelism ?? 1);
  if (isFull) return OVERLAP[task.on_overlap] ?? "It is running already.";
  return task.cron ? "It starts at once, beside its schedule." : "It starts at once.";
};

export const stopTask = (task) =>
  told(
    ask({
      title: `Stop ${task.name}?`,
      text:
        task.kind === "service"
          ? "All its instances are stopped, and stay stopped until it is started again or the daemon restarts."
          : "Its running and waiting runs are stopped.",
      action: task.kind === "service" ? "Stop Service" : "Stop Task",
      isDanger: true,
      run: () => post(`${taskPath(task.name)}/stop`),
    }),
  );

export const restartService = (task) =>
  told(
    ask({
      title: `Restart ${task.name}?`,
      text: "All its instances are stopped and started again.",
      action: "Restart Service",
      isDanger: true,
      run: () => post(`${taskPath(task.name)}/restart`),
    }),
  );

/** @param {object} task where it is known, its grace is told */
export const stopRun = (run, task) =>
  told(
    ask({
      title: `Stop this run of ${run.task_name}?`,
      text: task
        ? `It gets ${task.stop_signal}; what is left of it after ${duration(task.graceful_stop)} is killed.`
        : "It gets its stop signal; what is left of it after its grace is killed.",
      action: "Stop Now",
      isDanger: true,
      run: () => post(`${runPath(run)}/stop`),
    }),
  );

/** @returns {Promise<boolean>} whether it is gone */
export const deleteRun = async (run) => {
  const done = await ask({
    title: `Delete this run of ${run.task_name}?`,
    text: "Its row and its log are deleted for good.",
    action: "Delete Run",
    isDanger: true,
    run: async () => {
      await del(runPath(run));
      return true;
    },
  });
  if (done) announce("The run is deleted.");
  return Boolean(done);
};

const told = async (asked) => {
  const done = await asked;
  if (done) announce(done.message);
  return Boolean(done);
};
