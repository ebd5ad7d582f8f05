/** Why a run failed; its message is safe to show to who asked. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure'
  /** For the log: an error's code, and never what the endpoint wrote. */
  readonly detail: string | undefined
  constructor(message: string, detail?: string) {
    super(message)
    this.detail = detail
  }
}
