import type { Stage } from './stage.ts'

/** The tables whose instants decide what a credential may do. */
const tables = ['ApiKey', 'ApiKeySecret', 'ApiKeyUsage', 'AccessToken']

interface Column {
  readonly table: string
  readonly name: string
}

let columns: Promise<readonly Column[]> | undefined

/** Lets time pass: every instant that is stored moves back by so many seconds. */
export async function makeOlder(stage: Stage, seconds: number): Promise<void> {
  const { prisma, credentials } = stage.world.deps
  columns ??= prisma.$queryRaw<Column[]>`
    SELECT table_name::text AS table, column_name::text AS name FROM information_schema.columns
     WHERE table_name = ANY(${tables}::text[]) AND data_type LIKE 'timestamp%'`
  const all = await columns
  const earlier = (name: string): string => `"${name}" = "${name}" - interval '${seconds} s'`
  for (const { id } of stage.tenants) {
    for (const table of tables) {
      const names = all.filter((column) => column.table === table).map(({ name }) => name)
      const assignments = names.map(earlier).join(', ')
      const sql = `UPDATE "${table}" SET ${assignments} WHERE "workspaceId" = $1`
      await prisma.$executeRawUnsafe(sql, id)
    }
    const { epoch } = await prisma.workspace.update({
      where: { id },
      data: { epoch: { increment: 1 } },
    })
    credentials.raised(id, epoch)
    await prisma.$executeRawUnsafe(
      `UPDATE "Workspace" SET ${earlier('legacyKeySunsetAt')} WHERE id = $1`,
      id,
    )
  }
  stage.agedMs += seconds * 1_000
}
