/**
 * What a session with either database is set to. Prisma's adapters send and read instants without their
 * zone, as if it were always UTC. To compile a statement takes many times as long as to run it: of many
 * spaces the estimates are far too high. Pages are in memory or on a disk without heads: a small table is
 * not read as a whole for each row of another.
 */
export const sessionSetup = `SELECT set_config('TimeZone', 'UTC', false), set_config('jit', 'off', false),
  set_config('random_page_cost', '1.1', false), pg_backend_pid() AS "processId"`
