// Writes to the embedded database of a DATA_DIR, in a process of its own, until it is killed. Tells
// on a line each row that has been committed.
import { openDatabase } from '../../src/db/client.ts'

const [dataDir = ''] = process.argv.slice(2)
const { prisma } = await openDatabase({ dataDir })
for (let index = 0; ; index += 1) {
  const name = `row ${String(index).padStart(6, '0')}`
  await prisma.$transaction((tx) => tx.setting.create({ data: { name, value: 'x'.repeat(500) } }))
  console.log(name)
}
