package main

import (
	"encoding/json"
	"time"

	"github.com/IBM/sarama"
)

// What transactional.py tells: transactions that run under one transactional id.
type transactions struct {
	Bootstrap    string `json:"bootstrap"`
	ID           string `json:"id"`
	Topic        string `json:"topic"`
	Group        string `json:"group"`
	Transactions []struct {
		Values  [][2]any        `json:"values"` // partition, value
		Commit  bool            `json:"commit"`
		Offsets map[int32]int64 `json:"offsets"`
	} `json:"transactions"`
}

// runTransactions runs them with sarama.
func runTransactions(line string) {
	var told transactions
	check(json.Unmarshal([]byte(line), &told))
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Transaction.ID = told.ID
	config.Producer.Transaction.Retry.Backoff = 20 * time.Millisecond
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{told.Bootstrap}, config)
	check(err)
	for _, transaction := range told.Transactions {
		check(producer.BeginTxn())
		messages := []*sarama.ProducerMessage{}
		for _, pair := range transaction.Values {
			messages = append(messages, &sarama.ProducerMessage{
				Topic: told.Topic, Partition: int32(pair[0].(float64)), Value: sarama.StringEncoder(pair[1].(string)),
			})
		}
		check(producer.SendMessages(messages))
		offsets := []*sarama.PartitionOffsetMetadata{}
		for partition, offset := range transaction.Offsets {
			offsets = append(offsets, &sarama.PartitionOffsetMetadata{Partition: partition, Offset: offset, LeaderEpoch: -1})
		}
		if len(offsets) != 0 {
			check(producer.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{told.Topic: offsets}, told.Group))
		}
		if transaction.Commit {
			check(producer.CommitTxn())
		} else {
			check(producer.AbortTxn())
		}
	}
	check(producer.Close())
}
