import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isEnumType } from 'graphql'
import { expect, onTestFinished, test } from 'vitest'
import { builtInPlans, planNames } from '../../src/limits/plans.ts'
import { readPlansFile } from '../../src/limits/plans-file.ts'
import { schema } from '../../src/schema/schema.ts'

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The section of a page under that heading. */
async function section(path: string, heading: string): Promise<string> {
  const pattern = new RegExp(`^## ${heading}\\n(.*?)(?=^## |$(?![^]))`, 'ms')
  return pattern.exec(await read(path))?.[1] ?? ''
}

/** The cells of the rows of its tables that begin with a name in code. */
const rowsOf = (text: string): string[][] =>
  [...text.matchAll(/^\| `(.+?)` *\|(.*)\|$/gm)].map(([, name = '', rest = '']) => [
    name,
    ...rest.split('|').map((cell) => cell.trim()),
  ])

const grouped = (limit: number | null): string => limit?.toLocaleString('en-US') ?? 'none'

test('docs/api.md and the schema tell the plans as they are', async () => {
  const rows = rowsOf(await section('docs/api.md', 'Limits'))
  expect(rows.map(([name]) => name)).toEqual(planNames)
  const type = schema.getType('Plan')
  if (!isEnumType(type)) throw new Error('Plan is no enum')
  for (const [name, limits] of Object.entries(builtInPlans)) {
    const inWorkspace = grouped(limits.requestsPerMinute)
    const live = grouped(limits.keyLimit)
    const row = [name, inWorkspace, grouped(limits.requestsPerMinutePerKey), live]
    expect(rows).toContainEqual(row)
    const told = `${inWorkspace} requests a minute, ${live} live keys; or as the operator has set.`
    expect(type.getValue(name)?.description).toBe(told)
  }
})

test('the example of a PLANS_FILE is one', async () => {
  const [, example = ''] =
    /```json\n(.*?)```/s.exec(await section('docs/operations.md', 'Plans')) ?? []
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-docs-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'plans.json')
  await writeFile(path, example)
  expect(await readPlansFile(path)).toMatchObject(JSON.parse(example))
})
