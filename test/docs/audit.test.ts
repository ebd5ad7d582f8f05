import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { auditActions } from '../../src/transactions/audit-actions.ts'

test('docs/audit.md has every action that there is, and no other', async () => {
  const page = await readFile(new URL('../../docs/audit.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z_.]+)` *\| (.*?) *\|$/gm)]
  const documented = rows.map(([, action, description]) => [action, description])
  expect(documented).toEqual(Object.entries(auditActions))
  expect(documented).toEqual(documented.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)))
})
