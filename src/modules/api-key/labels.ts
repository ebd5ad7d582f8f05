import { z } from 'zod'
import type { Prisma } from '../../generated/prisma/client.ts'
import { noting } from '../../input/read-input.ts'
import { line, visibleLine } from '../../input/text.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/** How many labels a key has at most. */
export const maxLabels = 20

/** One label; names and values are compared as they are written. */
export const label = z.object({
  name: visibleLine("A label's name", 63),
  value: line("A label's value", 255),
})

/** A name and a value of the integration's own, to find keys by. */
export type Label = z.output<typeof label>

const byName = (a: Label, b: Label): number => (a.name < b.name ? -1 : 1)

/** The labels of a key, at most 20, each name once; sorted by name. Null: none. */
export const labels = z
  .array(label)
  .max(maxLabels, `At most ${maxLabels} labels are possible.`)
  .check(
    noting((its, note) => {
      const seen = new Set<string>()
      for (const [index, { name }] of its.entries()) {
        if (seen.has(name)) note('This name is repeated.', index, 'name')
        seen.add(name)
      }
    }),
  )
  .overwrite((its) => its.toSorted(byName))
  .nullable()
  .transform((its) => its ?? [])

/** The labels of keys of the workspace, by the ids of the keys; those of a key are sorted by name. */
export async function findLabels(
  db: Pick<Prisma.TransactionClient, 'apiKeyLabel'>,
  workspaceId: string,
  keyIds: readonly string[],
): Promise<ReadonlyMap<string, Label[]>> {
  const rows = await db.apiKeyLabel.findMany({ where: { workspaceId, keyId: { in: [...keyIds] } } })
  const byKey = new Map<string, Label[]>()
  // The order of texts is not the same in every database.
  for (const { keyId, name, value } of rows.toSorted(byName))
    byKey.set(keyId, [...(byKey.get(keyId) ?? []), { name, value }])
  return byKey
}

/** Stores labels of a key that has none stored. */
export function storeLabels(
  { insert, workspace }: WorkspaceTransaction,
  keyId: string,
  its: readonly Label[],
): void {
  const rows = its.map(({ name, value }) => ({ workspaceId: workspace.id, keyId, name, value }))
  insert('ApiKeyLabel', rows)
}

/** Replaces the labels of a key. */
export async function replaceLabels(
  c: WorkspaceTransaction,
  keyId: string,
  its: readonly Label[],
): Promise<void> {
  await c.db.apiKeyLabel.deleteMany({ where: { workspaceId: c.workspace.id, keyId } })
  storeLabels(c, keyId, its)
}
