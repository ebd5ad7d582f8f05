import type { ServerResponse } from 'node:http'

/** The time that a client has for the next part of an answer. */
export interface WriteTimeout {
  /** Begins anew, because a part was taken. */
  restart(): void
}

/**
 * Resets the connection of an answer that makes no progress for `ms`: from the first `restart` on,
 * and after its end has been written, until the system has taken all of it. A client that sends
 * something makes no progress with that. The reset also frees what the system holds for the client.
 *
 * @param expired called before the connection is reset
 */
export function createWriteTimeout(
  res: ServerResponse,
  ms: number,
  expired: () => void,
): WriteTimeout {
  let timer: NodeJS.Timeout | undefined
  const restart = (): void => {
    if (res.closed) return
    timer ??= setTimeout(() => {
      expired()
      res.socket?.resetAndDestroy()
    }, ms)
    timer.refresh()
  }
  res.once('prefinish', restart).once('close', () => clearTimeout(timer))
  return { restart }
}
