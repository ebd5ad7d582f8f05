import { rateLimited, serviceUnavailable } from '../errors.ts'

/** Each has a file or a connection to the storage open: how many there are at once in a server. */
const most = { ofWorkspace: 100, ofAll: 400 }

/** Downloads that have begun and not ended. */
export class DownloadsUnderWay {
  readonly #byWorkspace = new Map<string, number>()
  #all = 0

  /**
   * Begins one.
   *
   * @returns ends it
   * @throws RequestError RATE_LIMITED when the workspace has as many as it may, SERVICE_UNAVAILABLE
   *   when all together do
   */
  begin(workspaceId: string): () => void {
    const ofWorkspace = this.#byWorkspace.get(workspaceId) ?? 0
    if (ofWorkspace >= most.ofWorkspace) throw rateLimited(1)
    if (this.#all >= most.ofAll) throw serviceUnavailable(new Error(`${this.#all} downloads`))
    this.#add(workspaceId, 1)
    return () => this.#add(workspaceId, -1)
  }

  #add(workspaceId: string, count: number): void {
    this.#all += count
    const ofWorkspace = (this.#byWorkspace.get(workspaceId) ?? 0) + count
    if (ofWorkspace === 0) this.#byWorkspace.delete(workspaceId)
    else this.#byWorkspace.set(workspaceId, ofWorkspace)
  }
}
