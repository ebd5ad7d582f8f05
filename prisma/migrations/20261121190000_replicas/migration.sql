-- CreateTable
CREATE TABLE "Replica" (
    "id" TEXT NOT NULL,
    "joinedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Replica_pkey" PRIMARY KEY ("id")
);

-- Whoever raises an epoch, servers of other versions included, tells every server with its commit.
-- Its semicolons are escaped, as \073: Prisma's engine takes a migration apart at each that it sees.
CREATE FUNCTION latchkey_tell_epoch() RETURNS trigger LANGUAGE plpgsql AS E'BEGIN
  PERFORM pg_notify(\'latchkey_epoch\', NEW.id || \' \' || NEW.epoch)\073
  RETURN NULL\073
END';

CREATE TRIGGER latchkey_epoch AFTER UPDATE ON "Workspace"
  FOR EACH ROW WHEN (OLD.epoch IS DISTINCT FROM NEW.epoch) EXECUTE FUNCTION latchkey_tell_epoch();
