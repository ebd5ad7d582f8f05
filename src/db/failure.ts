import { Prisma } from '../generated/prisma/client.ts'

/** The faces of an outage that the drivers show as plain errors. */
const driverMessages =
  /Query read timeout|Connection terminated|timeout exceeded when trying to connect|connection error and is not queryable|ECONNREFUSED|ECONNRESET|PGlite is clos(?:ed|ing)/

/**
 * Whether it is the database that failed, and not the program: whatever Prisma or a driver throws.
 * Input that a database would refuse is stopped before it gets there.
 */
export const isDatabaseFailure = (error: unknown): boolean =>
  error instanceof Prisma.PrismaClientKnownRequestError ||
  error instanceof Prisma.PrismaClientUnknownRequestError ||
  error instanceof Prisma.PrismaClientInitializationError ||
  (error instanceof Error &&
    (error.name === 'DriverAdapterError' || driverMessages.test(error.message)))
