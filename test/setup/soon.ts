import { setTimeout as sleep } from 'node:timers/promises'

const hour = 3_600_000

/**
 * Tries with an end that comes soon, and with ever later ones until the attempt was in time: on a busy
 * machine everything takes longer. One that gives undefined was too late to have shown anything.
 *
 * @throws when even with an hour none was in time
 */
export async function beforeSoon<T>(attempt: (end: Date) => Promise<T | undefined>): Promise<T> {
  for (let ms = 500; ms <= hour; ms *= 2) {
    const shown = await attempt(new Date(Date.now() + ms))
    if (shown !== undefined) return shown
  }
  throw new Error('no attempt was in time')
}

/** Until the instant has passed, by whoever's clock. */
export async function untilPast(end: Date): Promise<void> {
  while (Date.now() <= end.getTime() + 20) await sleep(end.getTime() + 21 - Date.now())
}
