/** How large a request's body may be, in bytes; of an upload, what is not its file. */
export const maxBodyBytes = 1_048_576

/** How long the body of a request may take, in milliseconds; of an upload, what comes before its file. */
export const bodyTimeoutMs = 30_000

/** How long an upload may pause, in milliseconds. */
export const uploadIdleMs = 60_000
