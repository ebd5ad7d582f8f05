import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { createFolder, latchkey } from './program.ts'

/** A secret of another system. */
export const legacySecret = (): string => `old-${randomBytes(18).toString('base64url')}`

/** A file of legacy keys of the first workspace's owner, half of them user-level. */
export interface LegacyFile {
  readonly path: string
  readonly secrets: readonly string[]
}

export async function legacyFile(length: number, name = 'Key'): Promise<LegacyFile> {
  const path = join(await createFolder(), 'keys.csv')
  const secrets = Array.from({ length }, legacySecret)
  const rows = secrets.map((secret, index) => {
    const terms = index % 2 === 0 ? 'true,agents:read,workspace' : ',,user'
    return `${name} ${index},${secret},PLAINTEXT,owner@localhost,${terms}`
  })
  const columns = 'name,value,encoding,owner,allSpaces,permissions,level'
  await writeFile(path, [columns, ...rows].join('\n'))
  return { path, secrets }
}

/** Imports every key of a file, and then once more, which changes nothing. */
export async function importsAll(
  settings: Readonly<Record<string, string>>,
  { path, secrets: { length } }: LegacyFile,
): Promise<void> {
  for (const told of [
    `${length} keys were imported, 0 known already, 0 refused.\n`,
    `0 keys were imported, ${length} known already, 0 refused.\n`,
  ])
    expect(await latchkey(['legacy', 'import', path], settings)).toEqual({
      code: 0,
      stdout: told,
      stderr: '',
    })
}
