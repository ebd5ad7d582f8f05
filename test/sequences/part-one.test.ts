import { testSequences } from './suite.ts'

await testSequences(0)
