import { readFile } from 'node:fs/promises'

/** One block of commands in README.md, and what the block after it says that they print. */
export interface TourBlock {
  readonly commands: string
  readonly prints: readonly string[]
}

/** The blocks of the tour, in order. */
export async function readTour(): Promise<readonly TourBlock[]> {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const tour = /^## A five-minute tour\n(.*?)^## /ms.exec(readme)?.[1] ?? ''
  return [...tour.matchAll(/^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms)].map(
    ([, commands = '', prints = '']) => ({ commands, prints: prints.split('\n').slice(0, -1) }),
  )
}
