// Runs the transactions of transactional.py with kafkajs, under one transactional id.
const { Kafka, logLevel } = require('kafkajs')

async function run(told) {
  const kafka = new Kafka({ brokers: [told.bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50 } })
  const producer = kafka.producer({ transactionalId: told.id, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const { values, commit, offsets } of told.transactions) {
    const transaction = await producer.transaction()
    await transaction.send({
      topic: told.topic,
      messages: values.map(([partition, value]) => ({ partition, value })),
    })
    const partitions = Object.entries(offsets).map(([partition, offset]) => ({
      partition: Number(partition),
      offset: String(offset),
    }))
    if (partitions.length)
      await transaction.sendOffsets({ consumerGroupId: told.group, topics: [{ topic: told.topic, partitions }] })
    await (commit ? transaction.commit() : transaction.abort())
  }
  await producer.disconnect()
}

run(JSON.parse(process.argv[2])).catch((failure) => {
  console.error(failure)
  process.exit(1)
})
