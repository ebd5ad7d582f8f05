// Takes a DATA_DIR in a process of its own, tells on a line how that went, and holds it until its
// standard input ends.
import { lockDataDir } from '../../src/db/lock.ts'

const [dataDir = ''] = process.argv.slice(2)
try {
  const lock = await lockDataDir(dataDir)
  console.log('held')
  process.stdin.resume().on('end', () => void lock.release())
} catch (error) {
  console.log(error instanceof Error ? `${error.name}: ${error.message}` : 'refused')
  process.stdin.destroy()
}
